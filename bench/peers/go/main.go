// Command peer answers the calls of wxident.v1 that bench/peers measures, as a
// Go service of the usual parts does: grpc-go, pgx, silenceper/wechat. With
// -echo it is a bare server instead, which answers GetAccessToken with a
// constant. It prints the address that it listens on, and serves until SIGTERM.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	v1 "github.com/wxident/wxident/clients/go/wxident/v1"
)

var (
	echo        = flag.Bool("echo", false, "answer GetAccessToken with a constant, and nothing else")
	databaseURL = flag.String("database", "", "PostgreSQL's `URL`")
	connections = flag.Int("connections", 16, "to the database")
	login       = flag.String("login", "five", "how Login is stored: five statements in a transaction, or one")
	wechatURL   = flag.String("wechat", "", "`URL` of WeChat's API")
	wechatCA    = flag.String("wechat-ca", "", "`file` of the CA that vouches for it")
	appID       = flag.String("app-id", "", "the mini program")
	secretFile  = flag.String("secret-file", "", "`file` of its AppSecret")
	keyFile     = flag.String("key-file", "", "`file` of the key that seals what is stored: 32 bytes in base64")
	tlsCA       = flag.String("tls-ca", "", "`file` of the callers' CA; without it there is no TLS")
	tlsCert     = flag.String("tls-cert", "", "`file` of our certificate")
	tlsKey      = flag.String("tls-key", "", "`file` of its key")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var options []grpc.ServerOption
	if *tlsCA != "" {
		config, err := serverTLS()
		if err != nil {
			return err
		}
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	server := grpc.NewServer(options...)
	if *echo {
		v1.RegisterIdentityServiceServer(server, newEcho())
	} else {
		service, err := newService(ctx)
		if err != nil {
			return err
		}
		defer service.store.pool.Close()
		v1.RegisterIdentityServiceServer(server, service)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	go func() {
		<-ctx.Done()
		server.GracefulStop()
	}()
	return server.Serve(listener)
}

func serverTLS() (*tls.Config, error) {
	pool, err := certPool(*tlsCA)
	if err != nil {
		return nil, err
	}
	certificate, err := tls.LoadX509KeyPair(*tlsCert, *tlsKey)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
		MinVersion:   tls.VersionTLS12,
	}, nil
}

func certPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New(file + " holds no certificate")
	}
	return pool, nil
}

func readLine(file string) (string, error) {
	text, err := os.ReadFile(file)
	return strings.TrimSpace(string(text)), err
}
