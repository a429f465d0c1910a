"""What a run is told of itself when its training is over: `report.html`, pictures and tables of its predictions."""
