"""``python -m barcodeembed`` is the command ``barcodeembed``."""

from barcodeembed.cli import main

if __name__ == "__main__":
    main()
