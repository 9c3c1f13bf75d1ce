"""doorward: any credential in, one identity out."""
