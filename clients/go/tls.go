package wxident

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc/credentials"
)

// reloadingTLS is TLS whose files are read at each handshake, so that renewed
// ones take effect without touching connections that stand. Files that do not
// fit together, as while they are being replaced, leave the last good ones in
// force. It may be used by many goroutines.
type reloadingTLS struct {
	caFile, certFile, keyFile, serverName string

	mu            sync.Mutex
	ca, cert, key []byte
	current       credentials.TransportCredentials
}

// newReloadingTLS fails when the files cannot be used now.
func newReloadingTLS(o *options) (*reloadingTLS, error) {
	r := &reloadingTLS{caFile: o.caFile, certFile: o.certFile, keyFile: o.keyFile, serverName: o.serverName}
	if err := r.reload(); err != nil {
		return nil, err
	}
	return r, nil
}

// reload reads the files and, where they changed, uses them from now on.
func (r *reloadingTLS) reload() error {
	var ca, cert, key []byte
	read := func(to *[]byte, option, variable, path string) error {
		if path == "" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return refused("%s (%s): %v; give a PEM file that can be read", option, variable, err)
		}
		*to = text
		return nil
	}
	for _, err := range []error{
		read(&ca, "WithCAFile", EnvCAFile, r.caFile),
		read(&cert, "WithClientCertificate", EnvCertFile, r.certFile),
		read(&key, "WithClientCertificate", EnvKeyFile, r.keyFile),
	} {
		if err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != nil && bytes.Equal(ca, r.ca) && bytes.Equal(cert, r.cert) && bytes.Equal(key, r.key) {
		return nil
	}
	config := &tls.Config{ServerName: r.serverName, MinVersion: tls.VersionTLS12}
	if r.caFile != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return refused("WithCAFile (%s): %s holds no certificate; give a PEM file", EnvCAFile, r.caFile)
		}
	}
	if r.certFile != "" {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return refused("WithClientCertificate (%s, %s): %s and %s cannot be used: %v; give a certificate and its key",
				EnvCertFile, EnvKeyFile, r.certFile, r.keyFile, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	r.ca, r.cert, r.key = ca, cert, key
	r.current = credentials.NewTLS(config)
	return nil
}

func (r *reloadingTLS) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	// What cannot be used leaves the last good files in force.
	_ = r.reload()
	r.mu.Lock()
	current := r.current
	r.mu.Unlock()
	return current.ClientHandshake(ctx, authority, raw)
}

func (r *reloadingTLS) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return r.current.ServerHandshake(raw)
}

func (r *reloadingTLS) Info() credentials.ProtocolInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current.Info()
}

// Clone shares the state: it is the same files.
func (r *reloadingTLS) Clone() credentials.TransportCredentials { return r }

// OverrideServerName is of an interface that gRPC still asks for.
func (r *reloadingTLS) OverrideServerName(string) error { return nil }
