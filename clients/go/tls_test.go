package wxident_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

// authority issues certificates for 127.0.0.1, localhost and a name.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

type issued struct {
	cert, key []byte
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *authority) issue(t *testing.T, name string, life time.Duration) issued {
	t.Helper()
	return a.issueFor(t, name, life, []string{"localhost", name + ".example"}, []net.IP{net.IPv4(127, 0, 0, 1)})
}

func (a *authority) issueFor(t *testing.T, name string, life time.Duration, names []string, ips []net.IP) issued {
	t.Helper()
	key := newKey(t)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     names,
		IPAddresses:  ips,
		NotBefore:    time.Now().Add(-2 * time.Hour),
		NotAfter:     time.Now().Add(life),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return issued{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}
}

func (i issued) write(t *testing.T, folder, name string) (certFile, keyFile string) {
	t.Helper()
	return write(t, folder, name+".pem", i.cert), write(t, folder, name+".key", i.key)
}

// tlsServer says in GetUser who the client is by its certificate.
type tlsServer struct {
	wxidentv1.UnimplementedIdentityServiceServer
	addr string

	mu    sync.Mutex
	conns []net.Conn
}

func (s *tlsServer) GetUser(ctx context.Context, _ *wxidentv1.GetUserRequest) (*wxidentv1.GetUserResponse, error) {
	p, _ := peer.FromContext(ctx)
	name := ""
	if certificates := p.AuthInfo.(credentials.TLSInfo).State.PeerCertificates; len(certificates) > 0 {
		name = certificates[0].Subject.CommonName
	}
	return &wxidentv1.GetUserResponse{User: &wxidentv1.User{UserId: name}}, nil
}

// Accepted connections are kept, for dropConnections.
type keptListener struct {
	net.Listener
	server *tlsServer
}

func (l keptListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.server.mu.Lock()
		l.server.conns = append(l.server.conns, conn)
		l.server.mu.Unlock()
	}
	return conn, err
}

func (s *tlsServer) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// dropConnections has clients shake hands again.
func (s *tlsServer) dropConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		conn.Close()
	}
}

func startTLSServer(t *testing.T, certificate issued, config *tls.Config) *tlsServer {
	t.Helper()
	pair, err := tls.X509KeyPair(certificate.cert, certificate.key)
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{pair}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &tlsServer{addr: listener.Addr().String()}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	wxidentv1.RegisterIdentityServiceServer(server, s)
	go server.Serve(keptListener{listener, s})
	t.Cleanup(server.Stop)
	return s
}

func whoAmI(t *testing.T, client *wxident.Client) (string, error) {
	answer, err := client.GetUser(t.Context(), &wxidentv1.GetUserRequest{})
	return answer.GetUser().GetUserId(), err
}

func wantUnavailable(t *testing.T, err error, about string) {
	t.Helper()
	var e *wxident.Error
	if !errors.As(err, &e) || e.Code != codes.Unavailable || !strings.Contains(err.Error(), about) {
		t.Errorf("it ended with %v, which tells nothing of %q", err, about)
	}
}

func TestTLS(t *testing.T) {
	folder := t.TempDir()
	ca, stranger := newAuthority(t, "ca"), newAuthority(t, "stranger")
	server := startTLSServer(t, ca.issue(t, "server", time.Hour), &tls.Config{})
	late := startTLSServer(t, ca.issue(t, "late", -time.Hour), &tls.Config{})
	_, port, _ := net.SplitHostPort(server.addr)
	caFile := write(t, folder, "ca.pem", ca.pem)
	trusts := wxident.WithCAFile(caFile)
	tests := map[string]struct {
		address string
		opts    []wxident.Option
		fails   string
	}{
		"trusted":                  {server.addr, []wxident.Option{trusts}, ""},
		"trusted by name":          {"localhost:" + port, []wxident.Option{trusts}, ""},
		"of several":               {server.addr + "," + server.addr, []wxident.Option{trusts}, ""},
		"by another name it has":   {server.addr, []wxident.Option{trusts, wxident.WithServerName("server.example")}, ""},
		"several, by another name": {server.addr + "," + server.addr, []wxident.Option{trusts, wxident.WithServerName("server.example")}, ""},
		"by a name it has not":     {server.addr, []wxident.Option{trusts, wxident.WithServerName("other.example")}, "other.example"},
		"of another CA":            {server.addr, []wxident.Option{wxident.WithCAFile(write(t, folder, "stranger.pem", stranger.pem))}, "unknown authority"},
		"of no CA of the system":   {server.addr, nil, "unknown authority"},
		"expired":                  {late.addr, []wxident.Option{trusts}, "expired"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, err := wxident.New(test.address, test.opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			_, err = whoAmI(t, client)
			if test.fails != "" {
				wantUnavailable(t, err, test.fails)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// Each server of a list is known by its own host.
func TestTLSOfSeveralHosts(t *testing.T) {
	ca := newAuthority(t, "ca")
	byName := startTLSServer(t, ca.issueFor(t, "one", time.Hour, []string{"localhost"}, nil), &tls.Config{})
	byIP := startTLSServer(t, ca.issueFor(t, "two", time.Hour, nil, []net.IP{net.IPv4(127, 0, 0, 1)}), &tls.Config{})
	_, port, _ := net.SplitHostPort(byName.addr)
	client, err := wxident.New("localhost:"+port+","+byIP.addr,
		wxident.WithCAFile(write(t, t.TempDir(), "ca.pem", ca.pem)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	answered := map[string]bool{}
	eventually(t, "both servers answer", func() bool {
		var p peer.Peer
		if _, err := client.GetUser(t.Context(), &wxidentv1.GetUserRequest{}, grpc.Peer(&p)); err == nil {
			answered[p.Addr.String()] = true
		}
		return len(answered) == 2
	})
}

func mutual(ca *authority) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	return &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
}

func TestMutualTLS(t *testing.T) {
	folder := t.TempDir()
	ca, stranger := newAuthority(t, "ca"), newAuthority(t, "stranger")
	server := startTLSServer(t, ca.issue(t, "server", time.Hour), mutual(ca))
	caFile := write(t, folder, "ca.pem", ca.pem)
	tests := map[string]struct {
		shows *issued
		fails bool
	}{
		"known":   {new(ca.issue(t, "shop", time.Hour)), false},
		"expired": {new(ca.issue(t, "shop", -time.Hour)), true},
		"unknown": {new(stranger.issue(t, "shop", time.Hour)), true},
		"none":    {nil, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			opts := []wxident.Option{wxident.WithCAFile(caFile)}
			if test.shows != nil {
				opts = append(opts, wxident.WithClientCertificate(test.shows.write(t, t.TempDir(), "client")))
			}
			client, err := wxident.New(server.addr, opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			name, err := whoAmI(t, client)
			if test.fails {
				wantUnavailable(t, err, "could not be reached")
			} else if err != nil || name != "shop" {
				t.Errorf("the server knows %q, %v", name, err)
			}
		})
	}
}

func TestCertificatesAreReadAgain(t *testing.T) {
	folder := t.TempDir()
	ca := newAuthority(t, "ca")
	server := startTLSServer(t, ca.issue(t, "server", time.Hour), mutual(ca))
	caFile := write(t, folder, "ca.pem", ca.pem)
	certFile, keyFile := ca.issue(t, "first", time.Hour).write(t, folder, "client")
	client, err := wxident.New(server.addr, wxident.WithCAFile(caFile), wxident.WithClientCertificate(certFile, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	expect := func(want string) {
		t.Helper()
		if name, err := whoAmI(t, client); err != nil || name != want {
			t.Fatalf("the server knows %q, %v, want %q", name, err, want)
		}
	}
	expect("first")

	// What stands is left alone.
	ca.issue(t, "second", time.Hour).write(t, folder, "client")
	expect("first")
	if connections := server.connections(); connections != 1 {
		t.Errorf("%d connections", connections)
	}
	server.dropConnections()
	expect("second")

	// Half of a new pair leaves the old one in force.
	third := ca.issue(t, "third", time.Hour)
	write(t, folder, "client.pem", third.cert)
	server.dropConnections()
	expect("second")
	write(t, folder, "client.key", third.key)
	server.dropConnections()
	expect("third")

	// So does a file that has gone.
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	server.dropConnections()
	expect("third")
}

func TestCAIsReadAgain(t *testing.T) {
	folder := t.TempDir()
	old, next := newAuthority(t, "old"), newAuthority(t, "next")
	server := startTLSServer(t, next.issue(t, "server", time.Hour), &tls.Config{})
	caFile := write(t, folder, "ca.pem", old.pem)
	client, err := wxident.New(server.addr, wxident.WithCAFile(caFile))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = whoAmI(t, client)
	wantUnavailable(t, err, "unknown authority")
	write(t, folder, "ca.pem", append(old.pem, next.pem...))
	eventually(t, "the new CA is trusted", func() bool {
		_, err := whoAmI(t, client)
		return err == nil
	})
}
