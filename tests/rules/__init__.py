"""The examples of spec/rules_of_engagement.md, played against an exchange."""
