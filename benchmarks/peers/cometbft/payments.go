package main

// The payments that every side of the comparison carries: who pays whom and how much follows from
// a payment's number alone. `benchmarks/compare/work.py` says the same in Python.

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
)

const (
	// A payment: payer (4 bytes), payee (4), amount (8), number in the payer's lane (8), signature (64).
	signedBytes  = 24
	paymentBytes = signedBytes + ed25519.SignatureSize

	// Accounts of one currency lie so far apart: the other side has one currency per territory.
	currencies     = 4
	payeeStep      = 7
	amountStep     = 37
	amountMax      = 500
	balanceAtStart = 1 << 40
)

// accountKey is the key of an account: its seed is the hash of its number.
func accountKey(number uint32) ed25519.PrivateKey {
	var seed [ed25519.SeedSize]byte
	binary.BigEndian.PutUint32(seed[:], number)
	seed = sha256.Sum256(seed[:])
	return ed25519.NewKeyFromSeed(seed[:])
}

func payerOf(payment, accounts uint64) uint64 { return payment % accounts }

func payeeOf(payment, accounts uint64) uint64 {
	away := 1 + payment*payeeStep%(accounts/currencies-1)
	return (payerOf(payment, accounts) + currencies*away) % accounts
}

func amountOf(payment uint64) uint64 { return 1 + payment*amountStep%amountMax }

// laneNumberOf is the payment's place among those of its payer, from 1 on.
func laneNumberOf(payment, accounts uint64) uint64 { return 1 + payment/accounts }

// signedPayments makes payments `first` to `first + count - 1`.
func signedPayments(first, count, accounts uint64) [][]byte {
	keys := make([]ed25519.PrivateKey, accounts)
	for number := range keys {
		keys[number] = accountKey(uint32(number))
	}
	payments := make([][]byte, count)
	for i := range payments {
		payment := first + uint64(i)
		payer := payerOf(payment, accounts)
		tx := make([]byte, signedBytes, paymentBytes)
		binary.BigEndian.PutUint32(tx, uint32(payer))
		binary.BigEndian.PutUint32(tx[4:], uint32(payeeOf(payment, accounts)))
		binary.BigEndian.PutUint64(tx[8:], amountOf(payment))
		binary.BigEndian.PutUint64(tx[16:], laneNumberOf(payment, accounts))
		payments[i] = append(tx, ed25519.Sign(keys[payer], tx)...)
	}
	return payments
}
