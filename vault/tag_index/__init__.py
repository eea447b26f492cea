"""The index of tags in files: how large dumps are sieved in columns before anybody is looked up."""
