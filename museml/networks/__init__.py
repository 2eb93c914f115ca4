"""Networks in Keras, and what is needed to rebuild and run them safely; nothing else imports Keras."""
