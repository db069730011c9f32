// Command logreader reads the transparency log of an organisation as any tool of C2SP would: it knows tlog-tiles, tlog-checkpoint
// and tlog-proof by torchwood and the address of the log, and nothing else of the product.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	base    = flag.String("base", "", "address of the log, with its slash at the end")
	vkey    = flag.String("vkey", "", "verifier key of the log, as it was given elsewhere")
	ca      = flag.String("ca", "", "file of the authority that signs the gateway's certificate")
	witness = flag.String("witness", "", "verifier key of a witness that must have cosigned")
	event   = flag.String("event", "", "id of an event whose proof is asked for")
	index   = flag.Int64("index", -1, "place of that event in the log")
)

// withToken sends the API key in $TOKEN with every request.
type withToken struct{ next http.RoundTripper }

func (t withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
	return t.next.RoundTrip(r)
}

func main() {
	flag.Parse()
	told, err := check(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(told)
}

func check(ctx context.Context) (string, error) {
	client, err := newHTTPClient()
	if err != nil {
		return "", err
	}
	policy, err := newPolicy()
	if err != nil {
		return "", err
	}
	if *event != "" {
		return checkProof(ctx, client, policy)
	}
	return checkLog(ctx, client, policy)
}

func newHTTPClient() (*http.Client, error) {
	pem, err := os.ReadFile(*ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("the authority's file holds no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	return &http.Client{Transport: withToken{transport}}, nil
}

// newPolicy wants the log's own signature under its own name and, where one is named, the witness's.
func newPolicy() (torchwood.Policy, error) {
	verifier, err := note.NewVerifier(*vkey)
	if err != nil {
		return nil, err
	}
	parts := []torchwood.Policy{torchwood.OriginPolicy(verifier.Name()), torchwood.SingleVerifierPolicy(verifier)}
	if *witness != "" {
		cosigner, err := torchwood.NewCosignatureVerifier(*witness)
		if err != nil {
			return nil, err
		}
		parts = append(parts, torchwood.SingleVerifierPolicy(cosigner))
	}
	return torchwood.ThresholdPolicy(len(parts), parts...), nil
}

// openLog verifies the newest checkpoint and gives a reader of the tree that it signs.
func openLog(ctx context.Context, client *http.Client, policy torchwood.Policy) (torchwood.Checkpoint, *note.Note, *torchwood.Client, error) {
	var none torchwood.Checkpoint
	signed, err := get(ctx, client, "checkpoint")
	if err != nil {
		return none, nil, nil, err
	}
	checkpoint, opened, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return none, nil, nil, err
	}
	fetcher, err := torchwood.NewTileFetcher(*base, torchwood.WithHTTPClient(client))
	if err != nil {
		return none, nil, nil, err
	}
	reader, err := torchwood.NewClient(fetcher)
	return checkpoint, opened, reader, err
}

func checkLog(ctx context.Context, client *http.Client, policy torchwood.Policy) (string, error) {
	checkpoint, opened, reader, err := openLog(ctx, client, policy)
	if err != nil {
		return "", err
	}
	entries, leaves := int64(0), []tlog.Hash{}
	for i, entry := range reader.AllEntries(ctx, checkpoint.Tree, 0) {
		if i != entries || !strings.Contains(string(entry), `"recordedAt"`) {
			return "", fmt.Errorf("entry %d is none of the log's", i)
		}
		hashes, err := tlog.StoredHashes(i, entry, stored(leaves))
		if err != nil {
			return "", err
		}
		leaves = append(leaves, hashes...)
		entries++
	}
	if err := reader.Err(); err != nil {
		return "", err
	}
	root, err := tlog.TreeHash(entries, stored(leaves))
	if err != nil {
		return "", err
	}
	if entries != checkpoint.N || root != checkpoint.Hash {
		return "", fmt.Errorf("%d entries with root %v, signed were %d with %v", entries, root, checkpoint.N, checkpoint.Hash)
	}
	return fmt.Sprintf("%d entries, %d signatures", entries, len(opened.Sigs)), nil
}

type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for n, i := range indexes {
		hashes[n] = s[i]
	}
	return hashes, nil
}

// checkProof verifies the .tlog-proof of one event over the entry that the log itself serves, and sees it refuse another.
func checkProof(ctx context.Context, client *http.Client, policy torchwood.Policy) (string, error) {
	proof, err := get(ctx, client, "proof/"+*event)
	if err != nil {
		return "", err
	}
	checkpoint, _, reader, err := openLog(ctx, client, policy)
	if err != nil {
		return "", err
	}
	entry, _, err := reader.Entry(ctx, checkpoint.Tree, *index)
	if err != nil {
		return "", err
	}
	if !strings.Contains(string(entry), *event) {
		return "", fmt.Errorf("entry %d is not about %s", *index, *event)
	}
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(entry), proof); err != nil {
		return "", err
	}
	other := tlog.RecordHash(append(entry, ' '))
	var unverified *note.UnverifiedNoteError
	if err := torchwood.VerifyProof(policy, other, proof); err == nil || errors.As(err, &unverified) {
		return "", errors.New("the proof held for another entry")
	}
	return fmt.Sprintf("%d bytes", len(proof)), nil
}

func get(ctx context.Context, client *http.Client, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, *base+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, response.Status, body)
	}
	return body, err
}
