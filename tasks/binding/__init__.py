"""The only place that knows fabric, invoke and paramiko: tasks on the command line, hosts over SSH."""

from tasks.binding.command_line import namespace

__all__ = ["namespace"]
