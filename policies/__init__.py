"""What every cloud stack must meet: controls of the AWS Foundational Security Best Practices, as a policy pack.

They are looked up in the Security Hub user guide; each service's file names its page.
"""
