"""An installation whose services run as pods: images, the overlay, what stands beside the pods, the edge."""
