package trust

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Role is what a certificate of the cluster is for.
type Role string

// The roles. A node's certificate opens the peer port, an administrator's the admin port; never crosswise.
const (
	RoleNode  Role = "node"
	RoleAdmin Role = "admin"
)

// Identity is who a certificate speaks for. It stands in the certificate as a URI:
// port67://CLUSTER/node/UUID or port67://CLUSTER/admin/NAME.
type Identity struct {
	Cluster string
	Role    Role
	Name    string // a node's UUID, or an administrator's name
}

// URI returns the form that stands in certificates.
func (i Identity) URI() *url.URL {
	return &url.URL{Scheme: "port67", Host: i.Cluster, Path: "/" + string(i.Role) + "/" + i.Name}
}

// String returns the URI as text.
func (i Identity) String() string { return i.URI().String() }

// IdentityOf returns who c speaks for. It does not say whether c is genuine.
func IdentityOf(c *x509.Certificate) (Identity, error) {
	for _, u := range c.URIs {
		if u.Scheme != "port67" {
			continue
		}
		role, name, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		if !ok || name == "" || u.Host == "" || (Role(role) != RoleNode && Role(role) != RoleAdmin) {
			return Identity{}, fmt.Errorf("certificate: identity %q: wants port67://CLUSTER/ROLE/NAME", u)
		}
		return Identity{Cluster: u.Host, Role: Role(role), Name: name}, nil
	}
	return Identity{}, errors.New("certificate: no identity of the form port67://CLUSTER/ROLE/NAME")
}
