"""Floor 4: the authorization server: who asks (client_auth), what is asked (form), what is given (grants), one file an endpoint."""
