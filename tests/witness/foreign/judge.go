package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// question is one line of standard input; bytes are base64 there.
type question struct {
	Do      string
	Note    []byte
	Keys    []string
	Entry   []byte
	Index   int64
	Size    int64
	Old     int64
	Path    [][]byte
	Root    []byte
	OldRoot []byte
	Folder  string
	Sizes   []int64
}

type answer struct {
	OK     bool     `json:"ok"`
	Text   string   `json:"text,omitempty"`
	Lines  int      `json:"lines,omitempty"`
	Tiles  int      `json:"tiles,omitempty"`
	Sums   [][]byte `json:"sums,omitempty"`
	Reason string   `json:"reason,omitempty"`
}

// judge answers questions about other people's notes, proofs and trees until its input ends.
func judge() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked question
		check(json.Unmarshal(line, &asked))
		said, err := decide(asked)
		if err != nil {
			said = answer{Reason: err.Error()}
		} else {
			said.OK = true
		}
		check(out.Encode(said))
	}
}

func decide(asked question) (answer, error) {
	switch asked.Do {
	case "key":
		_, err := note.NewVerifier(asked.Keys[0])
		return answer{}, err
	case "note":
		return openNote(asked)
	case "inclusion":
		path, root, _, err := hashes(asked)
		if err != nil {
			return answer{}, err
		}
		return answer{}, tlog.CheckRecord(path, asked.Size, root, asked.Index, tlog.RecordHash(asked.Entry))
	case "consistency":
		path, root, old, err := hashes(asked)
		if err != nil {
			return answer{}, err
		}
		return answer{}, tlog.CheckTree(path, asked.Size, root, asked.Old, old)
	case "tree":
		return rebuild(asked)
	case "sums":
		return sums(asked)
	}
	return answer{}, errors.New("no such question")
}

func openNote(asked question) (answer, error) {
	var known []note.Verifier
	for _, vkey := range asked.Keys {
		if own, err := note.NewVerifier(vkey); err == nil {
			known = append(known, own)
		} else if witness, err := parseCosigner(vkey); err == nil {
			known = append(known, witness)
		} else {
			return answer{}, err
		}
	}
	opened, err := note.Open(asked.Note, note.VerifierList(known...))
	if err != nil {
		return answer{}, err
	}
	return answer{Text: opened.Text, Lines: len(opened.Sigs)}, nil
}

func hash(raw []byte) (found tlog.Hash, err error) {
	if len(raw) != tlog.HashSize {
		return found, errors.New("not a hash")
	}
	copy(found[:], raw)
	return found, nil
}

func hashes(asked question) (path []tlog.Hash, root, old tlog.Hash, err error) {
	for _, raw := range asked.Path {
		item, err := hash(raw)
		if err != nil {
			return nil, root, old, err
		}
		path = append(path, item)
	}
	if root, err = hash(asked.Root); err != nil {
		return nil, root, old, err
	}
	if asked.OldRoot != nil {
		old, err = hash(asked.OldRoot)
	}
	return path, root, old, err
}

// place is where tlog-tiles has a tile: without the height that x/mod's own paths begin with.
func place(folder string, tile tlog.Tile) string {
	return filepath.Join(folder, "tile", strings.TrimPrefix(tile.Path(), "tile/8/"))
}

// files reads tiles for tlog.TileHashReader, which believes none of them before they lead to the root.
type files struct{ folder string }

func (f files) Height() int                     { return 8 }
func (f files) SaveTiles([]tlog.Tile, [][]byte) {}
func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(place(f.folder, tile))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

// tilesOf lists full tiles and the right edge; tlog.NewTiles would add every narrower width of that.
func tilesOf(size int64) (tiles []tlog.Tile) {
	for level := 0; size > 0; level++ {
		for n := int64(0); n*256 < size; n++ {
			width := 256
			if rest := size - n*256; rest < 256 {
				width = int(rest)
			}
			tiles = append(tiles, tlog.Tile{H: 8, L: level, N: n, W: width})
		}
		size /= 256
	}
	return tiles
}

// rebuild computes a tree again from its entries alone and compares every tile there should be, byte for byte.
func rebuild(asked question) (answer, error) {
	l := &log{}
	for _, tile := range tilesOf(asked.Size) {
		if tile.L > 0 {
			break
		}
		named := filepath.Join(asked.Folder, "tile/entries", strings.TrimPrefix(tile.Path(), "tile/8/0/"))
		bundle, err := os.ReadFile(named)
		if err != nil {
			return answer{}, err
		}
		for ; len(bundle) > 0; l.size++ {
			length := 0
			if len(bundle) > 1 {
				length = int(binary.BigEndian.Uint16(bundle))
			}
			if len(bundle) < 2+length {
				return answer{}, errors.New("a bundle cut short")
			}
			stored, err := tlog.StoredHashes(l.size, bundle[2:2+length], l)
			if err != nil {
				return answer{}, err
			}
			l.stored, bundle = append(l.stored, stored...), bundle[2+length:]
		}
	}
	if l.size != asked.Size {
		return answer{}, fmt.Errorf("%d entries", l.size)
	}
	root, err := tlog.TreeHash(asked.Size, l)
	if err != nil || !bytes.Equal(root[:], asked.Root) {
		return answer{}, errors.New("another root")
	}
	tiles := tilesOf(asked.Size)
	for _, tile := range tiles {
		own, err := tlog.ReadTileData(tile, l)
		if err != nil {
			return answer{}, err
		}
		stored, err := os.ReadFile(place(asked.Folder, tile))
		if err != nil || !bytes.Equal(own, stored) {
			return answer{}, fmt.Errorf("tile %s", tile.Path())
		}
	}
	reader := tlog.TileHashReader(tlog.Tree{N: asked.Size, Hash: root}, files{asked.Folder})
	for _, index := range []int64{0, asked.Size / 2, asked.Size - 1} {
		if _, err := tlog.ProveRecord(asked.Size, index, reader); err != nil {
			return answer{}, err
		}
	}
	return answer{Tiles: len(tiles)}, nil
}

// sums builds a tree whose entries are the decimals 0, 1, 2 ... and tells, of each of the growing sizes, its root and a
// digest over all its tiles, level by level.
func sums(asked question) (said answer, err error) {
	last := asked.Sizes[len(asked.Sizes)-1]
	l := &log{stored: make([]tlog.Hash, 0, tlog.StoredHashCount(last))}
	for ; l.size < last; l.size++ {
		stored, err := tlog.StoredHashes(l.size, []byte(strconv.FormatInt(l.size, 10)), l)
		if err != nil {
			return said, err
		}
		l.stored = append(l.stored, stored...)
	}
	for _, size := range asked.Sizes {
		root, err := tlog.TreeHash(size, l)
		if err != nil {
			return said, err
		}
		sum := sha256.New()
		for _, tile := range tilesOf(size) {
			data, err := tlog.ReadTileData(tile, l)
			if err != nil {
				return said, err
			}
			sum.Write(data)
		}
		said.Sums = append(said.Sums, sum.Sum(root[:]))
	}
	return said, nil
}
