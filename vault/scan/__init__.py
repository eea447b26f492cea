"""The population scan: whose digest it is that no tag covers, under two people's agreement."""
