"""Staff: what members of staff read, look up and are refused, each as a use that its person sees."""
