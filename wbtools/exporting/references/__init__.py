"""What a person's brain is compared with: made-up heads, the template, or other people who are found and conformed."""
