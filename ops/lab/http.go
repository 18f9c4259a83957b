package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
)

// get fetches a page from inside of the host's namespace. Any status but 200 is an error; the text comes
// with it.
func (h *Host) get(ctx context.Context, url string) (string, error) {
	var dialer net.Dialer
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
			err = h.In(func() (err error) {
				conn, err = dialer.DialContext(ctx, network, addr)
				return err
			})
			return conn, err
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, resp.Status)
	}
	return string(b), err
}

// Metrics returns the node's metrics in the text form of Prometheus.
func (n *Node) Metrics(ctx context.Context) (string, error) {
	return n.get(ctx, n.MetricsURL()+"/metrics")
}
