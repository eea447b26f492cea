// A log and a witness that share no code with ours: golang.org/x/mod's notes and trees, the standard library's HTTP.
//
//	foreign serve  <witness name> <log vkey>...                 a witness; prints {"url", "vkey"} and answers until killed
//	foreign submit <url> <witness vkey> <log skey> <log vkey>   a log that grows; one JSON line for each submission
//	foreign judge                                              answers questions about notes, proofs and trees, by the line
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const kindCosigner = 0x04

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// keyHash is the key id of signed-note over a kind's byte and the public key.
func keyHash(name string, key []byte) uint32 {
	sum := sha256.Sum256([]byte(name + "\n" + string(key)))
	return binary.BigEndian.Uint32(sum[:4])
}

// cosigner verifies tlog-cosignature's Ed25519 form where x/mod knows only plain signatures.
type cosigner struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+64 {
		return false
	}
	at := binary.BigEndian.Uint64(sig[:8])
	return at > 0 && ed25519.Verify(c.public, message(at, msg), sig[8:])
}

func message(at uint64, text []byte) []byte {
	return append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", at)), text...)
}

func parseCosigner(vkey string) (cosigner, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return cosigner{}, errors.New("not a vkey")
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 33 || raw[0] != kindCosigner {
		return cosigner{}, errors.New("not a cosigner's vkey")
	}
	if fmt.Sprintf("%08x", keyHash(parts[0], raw)) != parts[1] {
		return cosigner{}, errors.New("a vkey whose id does not fit")
	}
	return cosigner{parts[0], keyHash(parts[0], raw), raw[1:]}, nil
}

type head struct {
	size int64
	root tlog.Hash
	note []byte
}

func parseHead(text string) (origin string, h head, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 {
		return "", h, errors.New("not a checkpoint")
	}
	if h.size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return "", h, err
	}
	h.root, err = tlog.ParseHash(lines[2])
	return lines[0], h, err
}

type witness struct {
	mu     sync.Mutex
	logs   note.Verifiers
	origin map[string]bool
	heads  map[string]head
	name   string
	hash   uint32
	secret ed25519.PrivateKey
}

func (w *witness) add(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	first, checkpoint, ok := bytes.Cut(body, []byte("\n\n"))
	if err != nil || !ok || r.Method != "POST" {
		rw.WriteHeader(400)
		return
	}
	lines := strings.Split(string(first), "\n")
	old, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
	if err != nil || !strings.HasPrefix(lines[0], "old ") {
		rw.WriteHeader(400)
		return
	}
	var proof tlog.TreeProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			rw.WriteHeader(400)
			return
		}
		proof = append(proof, hash)
	}
	origin, _, _ := strings.Cut(string(checkpoint), "\n")
	if !w.origin[origin] {
		rw.WriteHeader(404)
		return
	}
	opened, err := note.Open(checkpoint, w.logs)
	if err != nil {
		rw.WriteHeader(403)
		return
	}
	_, next, err := parseHead(opened.Text)
	if err != nil || old > next.size {
		rw.WriteHeader(400)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.heads[origin]
	if old != last.size {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(409)
		fmt.Fprintf(rw, "%d\n", last.size)
		return
	}
	if old == 0 && len(proof) > 0 || old > 0 && tlog.CheckTree(proof, next.size, next.root, old, last.root) != nil {
		rw.WriteHeader(422)
		return
	}
	at := uint64(time.Now().Unix())
	sig := binary.BigEndian.AppendUint32(nil, w.hash)
	sig = binary.BigEndian.AppendUint64(sig, at)
	sig = append(sig, ed25519.Sign(w.secret, message(at, []byte(opened.Text)))...)
	line := fmt.Sprintf("\u2014 %s %s\n", w.name, base64.StdEncoding.EncodeToString(sig))
	next.note = append(append([]byte{}, checkpoint...), line...)
	w.heads[origin] = next
	io.WriteString(rw, line)
}

func (w *witness) show(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for origin, last := range w.heads {
		if r.URL.Path == fmt.Sprintf("/%x/checkpoint", sha256.Sum256([]byte(origin))) {
			rw.Write(last.note)
			return
		}
	}
	rw.WriteHeader(404)
}

func serve(name string, vkeys []string) {
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	raw := append([]byte{kindCosigner}, public...)
	w := &witness{origin: map[string]bool{}, heads: map[string]head{}, name: name, hash: keyHash(name, raw), secret: secret}
	var known []note.Verifier
	for _, vkey := range vkeys {
		verifier, err := note.NewVerifier(vkey)
		check(err)
		known = append(known, verifier)
		w.origin[verifier.Name()] = true
	}
	w.logs = note.VerifierList(known...)
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	vkey := fmt.Sprintf("%s+%08x+%s", name, w.hash, base64.StdEncoding.EncodeToString(raw))
	check(json.NewEncoder(os.Stdout).Encode(map[string]string{"url": "http://" + listening.Addr().String(), "vkey": vkey}))
	http.HandleFunc("/add-checkpoint", w.add)
	http.HandleFunc("/", w.show)
	check(http.Serve(listening, nil))
}

// log is a tree in memory; storage is indexed as tlog stores it.
type log struct {
	stored []tlog.Hash
	size   int64
	signer note.Signer
}

func (l *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = l.stored[index]
	}
	return found, nil
}

func (l *log) grow(to int64) {
	for ; l.size < to; l.size++ {
		hashes, err := tlog.StoredHashes(l.size, []byte(fmt.Sprint(l.size)), l)
		check(err)
		l.stored = append(l.stored, hashes...)
	}
}

func (l *log) submission(old, size int64) (body []byte, text string) {
	root, err := tlog.TreeHash(size, l)
	check(err)
	text = fmt.Sprintf("%s\n%d\n%s\n", l.signer.Name(), size, root)
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	check(err)
	first := fmt.Sprintf("old %d\n", old)
	if old > 0 && old <= size {
		proof, err := tlog.ProveTree(size, old, l)
		check(err)
		for _, hash := range proof {
			first += hash.String() + "\n"
		}
	}
	return append([]byte(first+"\n"), signed...), text
}

func submit(url, vkey, skey, own string) {
	signer, err := note.NewSigner(skey)
	check(err)
	known, err := parseCosigner(vkey)
	check(err)
	l := &log{signer: signer}
	old := int64(0)
	for _, step := range []struct{ old, size int64 }{
		{0, 1}, {1, 1}, {1, 2}, {2, 7}, {7, 8}, {8, 255}, {255, 256}, {256, 257}, {257, 1000}, {0, 1001}, {7, 1001}, {1002, 1001}, {1000, 1001}, {1001, 70000},
	} {
		l.grow(step.size)
		body, text := l.submission(step.old, step.size)
		answer, err := http.Post(url+"/add-checkpoint", "text/plain", bytes.NewReader(body))
		check(err)
		said, err := io.ReadAll(answer.Body)
		check(err)
		answer.Body.Close()
		holds := false
		if answer.StatusCode == 200 {
			opened, err := note.Open(append([]byte(text+"\n"), said...), note.VerifierList(known))
			holds = err == nil && len(opened.Sigs) == 1
			old = step.size
		}
		check(json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
			"old": step.old, "size": step.size, "status": answer.StatusCode, "held": old, "holds": holds,
			"kind": answer.Header.Get("Content-Type"), "body": string(said),
		}))
	}
	answer, err := http.Get(fmt.Sprintf("%s/%x/checkpoint", url, sha256.Sum256([]byte(signer.Name()))))
	check(err)
	shown, err := io.ReadAll(answer.Body)
	check(err)
	public, err := note.NewVerifier(own)
	check(err)
	opened, err := note.Open(shown, note.VerifierList(public, known))
	check(err)
	check(json.NewEncoder(os.Stdout).Encode(map[string]interface{}{"shown": opened.Text, "lines": len(opened.Sigs)}))
}

func main() {
	switch os.Args[1] {
	case "serve":
		serve(os.Args[2], os.Args[3:])
	case "submit":
		submit(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	case "judge":
		judge()
	}
}
