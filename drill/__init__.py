"""The recovery drill: things are broken on purpose, and the way back is measured (`make drill`)."""
