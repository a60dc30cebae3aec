package wxident

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"google.golang.org/grpc/resolver"
)

// The scheme of several addresses, which is ours alone.
const listScheme = "wxident-list"

// target is where to connect, as gRPC wants it.
type target struct {
	uri   string
	hosts []string
}

func parseAddress(address string) (target, error) {
	if address == "" {
		return target{}, refused("address (%s) is empty; set it to host:port, several by comma, or dns:///name:port",
			EnvAddress)
	}
	if name, ok := strings.CutPrefix(address, "dns:///"); ok {
		host, err := hostOf(name)
		if err != nil {
			return target{}, err
		}
		return target{uri: address, hosts: []string{host}}, nil
	}
	var t target
	var list []string
	for one := range strings.SplitSeq(address, ",") {
		one = strings.TrimSpace(one)
		host, err := hostOf(one)
		if err != nil {
			return target{}, err
		}
		t.hosts = append(t.hosts, host)
		list = append(list, one)
	}
	if len(list) == 1 {
		t.uri = "dns:///" + list[0]
	} else {
		t.uri = listScheme + ":///" + strings.Join(list, ",")
	}
	return t, nil
}

func hostOf(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	number, numberErr := strconv.ParseUint(port, 10, 16)
	if err != nil || numberErr != nil || host == "" || number == 0 || strings.ContainsAny(host, "/ ") {
		return "", refused("address (%s) has %q; it must be host:port, several by comma, or dns:///name:port",
			EnvAddress, address)
	}
	return host, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// listBuilder resolves "a:1,b:2" into its parts, each with its own name for
// TLS. A host name among them is looked up whenever it is connected to.
type listBuilder struct{}

func (listBuilder) Scheme() string { return listScheme }

// OverrideAuthority is the first host: the whole list would be no :authority.
func (listBuilder) OverrideAuthority(t resolver.Target) string {
	first, _, _ := strings.Cut(t.Endpoint(), ",")
	return first
}

func (listBuilder) Build(t resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	var state resolver.State
	for address := range strings.SplitSeq(t.Endpoint(), ",") {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{
			Addresses: []resolver.Address{{Addr: address, ServerName: address}},
		})
	}
	if err := cc.UpdateState(state); err != nil {
		return nil, err
	}
	return listResolver{}, nil
}

// listResolver has nothing to look for again.
type listResolver struct{}

func (listResolver) ResolveNow(resolver.ResolveNowOptions) {}
func (listResolver) Close()                                {}
