"""Image quality: how near a restored image is to the clean one."""
