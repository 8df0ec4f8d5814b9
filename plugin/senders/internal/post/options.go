package post

import "github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"

// TLSGroup describes the options that [TLSOptions] are.
const TLSGroup = "whom to trust, and what certificate to show; files by absolute paths are read again when they change"

// TLSOptions are the options tls.* of a target, which are kept where of says.
func TLSOptions[T any](of func(*T) *TLS) []options.Field[T] {
	pem := func(to func(*TLS) *string) func(*T) options.Value {
		return func(t *T) options.Value { return options.Text(to(of(t)), options.Filled, PEM) }
	}
	return []options.Field[T]{
		{
			Name: "tls.ca", Description: "certificates of the authorities to trust instead of the machine's, as PEM or the path of a file",
			Into: pem(func(t *TLS) *string { return &t.CA }),
		},
		{
			Name: "tls.cert", Description: "certificate to show who is sending, as PEM or the path of a file",
			Into: pem(func(t *TLS) *string { return &t.Cert }),
		},
		{
			Name: "tls.key", Description: "private key of tls.cert, as PEM or the path of a file", Secret: true,
			Into: pem(func(t *TLS) *string { return &t.Key }),
		},
		{
			Name: "tls.server_name", Description: "name that the target's certificate must have, where it is not the URL's host",
			Into: func(t *T) options.Value {
				return options.Text(&of(t).ServerName, options.Filled, options.Plain)
			},
		},
	}
}
