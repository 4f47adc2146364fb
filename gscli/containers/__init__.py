"""How files are packed, bounded and checked: bytes, NumPy arrays, zip, pickles, torch files, LAZ, zstd.

Nothing here knows of scenes; `gscli.formats` does.
"""
