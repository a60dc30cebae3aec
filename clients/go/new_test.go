package wxident_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/wxident/wxident/clients/go"
	wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"
	"github.com/wxident/wxident/clients/go/wxidentfake"
)

func TestNew(t *testing.T) {
	folder := t.TempDir()
	ca := newAuthority(t, "ca")
	caFile := write(t, folder, "ca.pem", ca.pem)
	certFile, keyFile := ca.issue(t, "client", time.Hour).write(t, folder, "client")
	_, otherKey := ca.issue(t, "other", time.Hour).write(t, folder, "other")
	noPEM := write(t, folder, "no.pem", []byte("hello"))
	missing := filepath.Join(folder, "missing")
	tests := map[string]struct {
		address string
		opts    []wxident.Option
		refused []string // what the error names; nil when it is fine
	}{
		"host and port":            {"wxident.example:443", nil, nil},
		"several":                  {"a.example:443, b.example:443", nil, nil},
		"IPv6":                     {"[2001:db8::1]:443", nil, nil},
		"DNS":                      {"dns:///wxident.example:443", nil, nil},
		"no address":               {"", nil, []string{"address", "WXIDENT_CLIENT_ADDR"}},
		"no port":                  {"wxident.example", nil, []string{"WXIDENT_CLIENT_ADDR", "host:port"}},
		"no host":                  {":443", nil, []string{"WXIDENT_CLIENT_ADDR"}},
		"port 0":                   {"a.example:0", nil, []string{"WXIDENT_CLIENT_ADDR"}},
		"port beyond":              {"a.example:65536", nil, []string{"WXIDENT_CLIENT_ADDR"}},
		"one of several bad":       {"a.example:443,b.example", nil, []string{"WXIDENT_CLIENT_ADDR", "b.example"}},
		"one of several empty":     {"a.example:443,", nil, []string{"WXIDENT_CLIENT_ADDR"}},
		"another scheme":           {"https://a.example:443", nil, []string{"WXIDENT_CLIENT_ADDR"}},
		"another DNS server":       {"dns://8.8.8.8/a.example:443", nil, []string{"WXIDENT_CLIENT_ADDR"}},
		"DNS without port":         {"dns:///a.example", nil, []string{"WXIDENT_CLIENT_ADDR"}},
		"insecure 127.0.0.1":       {"127.0.0.1:1", []wxident.Option{wxident.WithInsecure()}, nil},
		"insecure 127.8.9.1":       {"127.8.9.1:1", []wxident.Option{wxident.WithInsecure()}, nil},
		"insecure ::1":             {"[::1]:1", []wxident.Option{wxident.WithInsecure()}, nil},
		"insecure localhost":       {"localhost:1", []wxident.Option{wxident.WithInsecure()}, nil},
		"insecure DNS localhost":   {"dns:///localhost:1", []wxident.Option{wxident.WithInsecure()}, nil},
		"insecure elsewhere":       {"10.0.0.1:1", []wxident.Option{wxident.WithInsecure()}, []string{"WithInsecure", "WXIDENT_CLIENT_INSECURE", "10.0.0.1"}},
		"insecure by name":         {"a.example:1", []wxident.Option{wxident.WithInsecure()}, []string{"WXIDENT_CLIENT_INSECURE"}},
		"insecure looks local":     {"127.0.0.1.example:1", []wxident.Option{wxident.WithInsecure()}, []string{"WXIDENT_CLIENT_INSECURE"}},
		"insecure everywhere":      {"0.0.0.0:1", []wxident.Option{wxident.WithInsecure()}, []string{"WXIDENT_CLIENT_INSECURE"}},
		"insecure, one elsewhere":  {"127.0.0.1:1,10.0.0.1:1", []wxident.Option{wxident.WithInsecure()}, []string{"WXIDENT_CLIENT_INSECURE"}},
		"insecure DNS elsewhere":   {"dns:///a.example:1", []wxident.Option{wxident.WithInsecure()}, []string{"WXIDENT_CLIENT_INSECURE"}},
		"CA":                       {"a.example:443", []wxident.Option{wxident.WithCAFile(caFile)}, nil},
		"CA missing":               {"a.example:443", []wxident.Option{wxident.WithCAFile(missing)}, []string{"WithCAFile", "WXIDENT_CLIENT_TLS_CA_FILE", missing}},
		"CA no PEM":                {"a.example:443", []wxident.Option{wxident.WithCAFile(noPEM)}, []string{"WithCAFile", "WXIDENT_CLIENT_TLS_CA_FILE", noPEM}},
		"certificate":              {"a.example:443", []wxident.Option{wxident.WithClientCertificate(certFile, keyFile)}, nil},
		"certificate without key":  {"a.example:443", []wxident.Option{wxident.WithClientCertificate(certFile, "")}, []string{"WithClientCertificate", "WXIDENT_CLIENT_TLS_KEY_FILE"}},
		"key without certificate":  {"a.example:443", []wxident.Option{wxident.WithClientCertificate("", keyFile)}, []string{"WithClientCertificate", "WXIDENT_CLIENT_TLS_CERT_FILE"}},
		"certificate missing":      {"a.example:443", []wxident.Option{wxident.WithClientCertificate(missing, keyFile)}, []string{"WithClientCertificate", "WXIDENT_CLIENT_TLS_CERT_FILE", missing}},
		"key missing":              {"a.example:443", []wxident.Option{wxident.WithClientCertificate(certFile, missing)}, []string{"WithClientCertificate", "WXIDENT_CLIENT_TLS_KEY_FILE", missing}},
		"key of another":           {"a.example:443", []wxident.Option{wxident.WithClientCertificate(certFile, otherKey)}, []string{"WithClientCertificate", "WXIDENT_CLIENT_TLS_KEY_FILE"}},
		"negative timeout":         {"a.example:443", []wxident.Option{wxident.WithTimeout(-1)}, []string{"WithTimeout"}},
		"half of a pair, insecure": {"127.0.0.1:1", []wxident.Option{wxident.WithInsecure(), wxident.WithClientCertificate(certFile, "")}, []string{"WXIDENT_CLIENT_TLS_KEY_FILE"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, err := wxident.New(test.address, test.opts...)
			if client != nil {
				defer client.Close()
			}
			wantRefused(t, err, test.refused)
		})
	}
}

func wantRefused(t *testing.T, err error, names []string) {
	t.Helper()
	if names == nil {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	var e *wxident.Error
	if !errors.As(err, &e) || e.Code != codes.InvalidArgument {
		t.Fatalf("it gave %v", err)
	}
	for _, name := range names {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %q", err, name)
		}
	}
}

func TestFromEnv(t *testing.T) {
	fake := wxidentfake.New(t)
	tests := map[string]struct {
		env     map[string]string
		opts    []wxident.Option
		refused []string
	}{
		"plain text":       {map[string]string{"WXIDENT_CLIENT_ADDR": fake.Addr(), "WXIDENT_CLIENT_INSECURE": "true"}, nil, nil},
		"an option wins":   {map[string]string{"WXIDENT_CLIENT_ADDR": fake.Addr(), "WXIDENT_CLIENT_INSECURE": "false"}, []wxident.Option{wxident.WithInsecure()}, nil},
		"nothing":          {nil, nil, []string{"WXIDENT_CLIENT_ADDR"}},
		"neither nor":      {map[string]string{"WXIDENT_CLIENT_ADDR": fake.Addr(), "WXIDENT_CLIENT_INSECURE": "yes"}, nil, []string{"WithInsecure", "WXIDENT_CLIENT_INSECURE", "yes"}},
		"CA missing":       {map[string]string{"WXIDENT_CLIENT_ADDR": fake.Addr(), "WXIDENT_CLIENT_TLS_CA_FILE": "/missing"}, nil, []string{"WXIDENT_CLIENT_TLS_CA_FILE"}},
		"half of a pair":   {map[string]string{"WXIDENT_CLIENT_ADDR": fake.Addr(), "WXIDENT_CLIENT_TLS_CERT_FILE": "/c"}, nil, []string{"WXIDENT_CLIENT_TLS_KEY_FILE"}},
		"the other half":   {map[string]string{"WXIDENT_CLIENT_ADDR": fake.Addr(), "WXIDENT_CLIENT_TLS_KEY_FILE": "/k"}, nil, []string{"WXIDENT_CLIENT_TLS_CERT_FILE"}},
		"insecure, remote": {map[string]string{"WXIDENT_CLIENT_ADDR": "a.example:1", "WXIDENT_CLIENT_INSECURE": "true"}, nil, []string{"WXIDENT_CLIENT_INSECURE"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{wxident.EnvAddress, wxident.EnvCAFile, wxident.EnvCertFile,
				wxident.EnvKeyFile, wxident.EnvServerName, wxident.EnvInsecure} {
				t.Setenv(variable, test.env[variable])
			}
			client, err := wxident.FromEnv(test.opts...)
			wantRefused(t, err, test.refused)
			if err == nil {
				defer client.Close()
				request := &wxidentv1.ValidateSessionRequest{SessionToken: "wxs1_x"}
				if _, err := client.ValidateSession(t.Context(), request); err != nil {
					t.Errorf("a call ended with %v", err)
				}
			}
		})
	}
}

func write(t *testing.T, folder, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	// In one step, as whoever renews certificates should.
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}
