"""Settings that must be there before any test imports a heavy library."""

import os

# ultralytics would otherwise install packages by itself while a test exports a model.
os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ["YOLO_VERBOSE"] = "false"
