"""Published networks, one file or folder each, with the factories of their registered names.

The table of names in :mod:`derainers` leads here. A new network is a file here, a line there and a row of
``weights.csv``; read ``networks/rescan.py`` as the plainest example.
"""
