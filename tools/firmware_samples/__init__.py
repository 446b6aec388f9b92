"""The bundled firmware's networks, their integer reference and the recipes by which the images are built."""
