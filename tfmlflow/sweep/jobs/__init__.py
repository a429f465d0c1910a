"""The jobs of a sweep: started, watched, ended and tried again, each in a process of its own or by a launcher."""
