package wxident

import (
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
)

// The variables that FromEnv reads.
const (
	EnvAddress    = "WXIDENT_CLIENT_ADDR"
	EnvCAFile     = "WXIDENT_CLIENT_TLS_CA_FILE"
	EnvCertFile   = "WXIDENT_CLIENT_TLS_CERT_FILE"
	EnvKeyFile    = "WXIDENT_CLIENT_TLS_KEY_FILE"
	EnvServerName = "WXIDENT_CLIENT_TLS_SERVER_NAME"
	EnvInsecure   = "WXIDENT_CLIENT_INSECURE"
)

// Option is one setting of a Client, for New and FromEnv.
type Option func(*options)

type options struct {
	caFile, certFile, keyFile, serverName string
	insecure                              bool
	timeout                               time.Duration
	traceContext                          func(context.Context) (string, string)
	dial                                  []grpc.DialOption
}

// WithCAFile takes the CAs that may have signed the server's certificate from a
// PEM file, instead of the system's. The file is read again when it changes.
func WithCAFile(path string) Option {
	return func(o *options) { o.caFile = path }
}

// WithClientCertificate shows a client certificate to the server, from two PEM
// files. They are read again when they change; connections that stand are left
// alone, and the next handshake shows the new certificate.
func WithClientCertificate(certFile, keyFile string) Option {
	return func(o *options) { o.certFile, o.keyFile = certFile, keyFile }
}

// WithServerName is the name that the server's certificate must have; by
// default the host of the address.
func WithServerName(name string) Option {
	return func(o *options) { o.serverName = name }
}

// WithInsecure speaks plain text instead of TLS. Only loopback addresses are
// allowed then: 127.0.0.0/8, ::1 and localhost.
func WithInsecure() Option {
	return func(o *options) { o.insecure = true }
}

// WithTimeout is the deadline of every unary call whose context has none,
// instead of the defaults that [Client] lists.
func WithTimeout(d time.Duration) Option {
	return func(o *options) { o.timeout = d }
}

// WithTraceContext has a function tell, at each call, the W3C trace context to
// send along: traceparent, and tracestate where there is one. Either may be
// empty. Who uses OpenTelemetry needs [WithDialOptions] and otelgrpc instead.
func WithTraceContext(of func(context.Context) (traceparent, tracestate string)) Option {
	return func(o *options) { o.traceContext = of }
}

// WithDialOptions passes options on to gRPC, after the client's own: stats
// handlers, interceptors, a dialer.
func WithDialOptions(more ...grpc.DialOption) Option {
	return func(o *options) { o.dial = append(o.dial, more...) }
}

// optionsFromEnv are the settings of the environment, and the address.
func optionsFromEnv() (string, options, error) {
	o := options{
		caFile:     os.Getenv(EnvCAFile),
		certFile:   os.Getenv(EnvCertFile),
		keyFile:    os.Getenv(EnvKeyFile),
		serverName: os.Getenv(EnvServerName),
	}
	switch value := os.Getenv(EnvInsecure); value {
	case "", "false":
	case "true":
		o.insecure = true
	default:
		return "", options{}, refused("WithInsecure (%s) is %q; set it to true or false", EnvInsecure, value)
	}
	return os.Getenv(EnvAddress), o, nil
}

func (o *options) check() error {
	if (o.certFile == "") != (o.keyFile == "") {
		set, missing := fmt.Sprintf("%s is set", EnvCertFile), EnvKeyFile
		if o.certFile == "" {
			set, missing = fmt.Sprintf("%s is set", EnvKeyFile), EnvCertFile
		}
		return refused("WithClientCertificate (%s, %s): %s and %s is not; give both files or none",
			EnvCertFile, EnvKeyFile, set, missing)
	}
	if o.timeout < 0 {
		return refused("WithTimeout is %v; it must be positive", o.timeout)
	}
	return nil
}
