"""What the bootstrap stack consists of."""

from bootstrap import program, settings

program.deploy(settings.load())
