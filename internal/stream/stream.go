// Package stream makes seeded streams of random numbers that are keyed by what they are for, never by the order of draws.
//
// Two nets that share a layer draw the same weights for it, whatever other layers they have, and the shuffle of an epoch
// does not depend on the epochs before it.
package stream

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
)

// Key hashes a seed and what the numbers are for ("init", "stem.conv.weight"; "shuffle", 7) to 64 bits,
// the same on every machine. Parts are strings and integers.
func Key(seed int64, parts ...any) uint64 {
	h := fnv.New64a()
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], uint64(seed))
	h.Write(word[:])
	for _, part := range parts {
		fmt.Fprintf(h, "\x00%v", part)
	}
	return mix(h.Sum64())
}

// New returns the stream for a seed and a purpose.
func New(seed int64, parts ...any) *rand.Rand {
	k := Key(seed, parts...)
	return rand.New(rand.NewPCG(k, mix(k^0x9e3779b97f4a7c15)))
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014): every bit of x affects every bit of the result.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// Reseed makes p the stream of the ith of many things under a key, without allocating.
func Reseed(p *rand.PCG, key uint64, i int) {
	k := Item(key, i)
	p.Seed(k, mix(k^0x9e3779b97f4a7c15))
}

// Item is the key of the ith of many things under a key.
func Item(key uint64, i int) uint64 { return mix(key + uint64(i)*0x9e3779b97f4a7c15) }
