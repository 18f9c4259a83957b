package trust

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	tokenPrefix = "p67-"
	secretLen   = 20
	pinLen      = sha256.Size
)

// Token admits one new node: it names the cluster, pins its authority, so that the joining node knows whom it
// talks to, and holds a secret that only the cluster's operator can have given out.
type Token struct {
	Cluster string
	Pin     [pinLen]byte // SHA-256 of the authority's certificate
	Secret  []byte
}

// NewToken makes a token for a cluster whose authority's certificate (DER) is ca.
func NewToken(cluster string, ca []byte) (Token, error) {
	secret := make([]byte, secretLen)
	if _, err := rand.Read(secret); err != nil {
		return Token{}, fmt.Errorf("token: %w", err)
	}
	return Token{Cluster: cluster, Pin: sha256.Sum256(ca), Secret: secret}, nil
}

// Hash returns what the cluster remembers of the token: it can recognise it but not use it.
func (t Token) Hash() [sha256.Size]byte { return sha256.Sum256(t.Secret) }

// String returns the text that an operator carries to the new node.
func (t Token) String() string {
	b := append([]byte{}, t.Pin[:]...)
	b = append(b, t.Secret...)
	b = append(b, t.Cluster...)
	sum := sha256.Sum256(b)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:4]...))
}

// ParseToken reads what String wrote. A mistyped token is noticed here, before anybody is asked.
func ParseToken(text string) (Token, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), tokenPrefix)
	if !ok {
		return Token{}, fmt.Errorf("token: begins with %q in what `dhcpctl cluster token` prints; this does not",
			tokenPrefix)
	}
	b, err := base64.RawURLEncoding.DecodeString(rest)
	if err != nil || len(b) < pinLen+secretLen+1+4 {
		return Token{}, errors.New("token: cut short or mistyped; copy it whole")
	}
	body, check := b[:len(b)-4], b[len(b)-4:]
	if sum := sha256.Sum256(body); string(sum[:4]) != string(check) {
		return Token{}, errors.New("token: mistyped, its check sum is wrong; copy it whole")
	}
	t := Token{Secret: body[pinLen : pinLen+secretLen], Cluster: string(body[pinLen+secretLen:])}
	copy(t.Pin[:], body)
	return t, nil
}
