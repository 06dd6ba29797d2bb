"""Object detection on restored images: detectors, matching with the truth, COCO's averages and other counts."""
