"""What is asked of every restored image: quality, detection, instances, semantic."""
