"""Duplicates: how likely a report is about the same problem as a work order nearby.

It owns the features of a pair, the model that scores them, the replay of labelled history that measures it, and its
training. It knows nothing about reports or work orders: ``app.reports`` hands it plain sightings. It imports the floor
only; scikit-learn and matplotlib are wanted by training alone.
"""
