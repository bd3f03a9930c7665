//! What the cluster agrees on: metadata records, the image, controller decisions, placement.
