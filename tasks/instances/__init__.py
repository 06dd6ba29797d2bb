"""Instance segmentation on restored images: networks that find objects and their masks; scored as detection is."""
