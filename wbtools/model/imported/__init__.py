"""Networks of other makers: files of torch.export, and networks that a function of the user builds."""
