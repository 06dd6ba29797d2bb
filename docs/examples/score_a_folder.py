"""PSNR and SSIM of a folder that something else restored, against clean images of the same names."""

from pathlib import Path

from bench.api import quality_judge
from bench.folders import score_folders

table, failures = score_folders(quality_judge(), Path("photos/images"), Path("photos/images"))
print(table.to_string(index=False))
print(len(failures), "could not be scored")
