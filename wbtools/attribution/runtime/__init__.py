"""Where methods are computed: on which device, and in which memory."""
