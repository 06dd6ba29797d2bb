"""PSNR and SSIM of a folder that something else restored, against clean images of the same names."""

from pathlib import Path

from bench.api.images import quality_judge, score_folders

table, failures = score_folders(quality_judge(), Path("photos/images"), Path("photos/images"))
print(table.to_string(index=False))
print(len(failures), "could not be scored")
