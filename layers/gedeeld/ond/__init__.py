"""What the three services share: identifiers, queue contracts, aansluitregister, sealing, the API edge, settings."""
