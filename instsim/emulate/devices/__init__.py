"""Device registers: a small closed set of models, and memory with poll breaking for all others."""

from instsim.emulate.devices.bus import Devices
from instsim.emulate.devices.device import Device, Surroundings
from instsim.emulate.devices.edges import Edge, EdgeLog
from instsim.emulate.devices.models import device_models
from instsim.emulate.devices.wire import SerialPort, SerialWire

__all__ = ["Device", "Devices", "Edge", "EdgeLog", "SerialPort", "SerialWire", "Surroundings", "device_models"]
