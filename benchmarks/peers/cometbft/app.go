package main

// A ledger of signed transfers under CometBFT: the work one payment costs, and nothing else. Every
// replica checks each signature once, and syncs what a block changed before it says so.

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

const (
	codeSignature = 1
	codeRefused   = 2

	// Payments of one payer may come in another order, so many numbers apart, as in our lanes.
	laneWindow = 64
)

// account is a balance, the highest number used in its lane, and which of the 64 below it were.
type account struct{ balance, high, used uint64 }

// take marks a lane number as used; false when it was, or is too old to say.
func (a *account) take(number uint64) bool {
	if number > a.high {
		if ahead := number - a.high; ahead < laneWindow {
			a.used = a.used<<ahead | 1<<(ahead-1)
		} else {
			a.used = 0
		}
		if a.high == 0 {
			a.used = 0
		}
		a.high = number
		return true
	}
	behind := a.high - number
	if behind == 0 || behind > laneWindow || number == 0 {
		return false
	}
	bit := uint64(1) << (behind - 1)
	if a.used&bit != 0 {
		return false
	}
	a.used |= bit
	return true
}

type payApp struct {
	abci.BaseApplication
	accounts []account
	keys     []ed25519.PublicKey
	db       *leveldb.DB
	height   int64
	hash     []byte
	dirty    map[uint32]struct{}

	mu      sync.Mutex
	checked map[[32]byte]struct{}
}

func newPayApp(dir string, accounts uint64) (*payApp, error) {
	db, err := leveldb.OpenFile(dir, nil)
	if err != nil {
		return nil, err
	}
	app := &payApp{
		db:      db,
		checked: map[[32]byte]struct{}{},
		dirty:   map[uint32]struct{}{},
		hash:    make([]byte, sha256.Size),
	}
	for number := uint64(0); number < accounts; number++ {
		app.keys = append(app.keys, accountKey(uint32(number)).Public().(ed25519.PublicKey))
		app.accounts = append(app.accounts, account{balance: balanceAtStart})
	}
	return app, nil
}

// verify checks form and signature; what was checked once is known until its block is final.
func (a *payApp) verify(tx []byte, digest [32]byte) bool {
	if len(tx) != paymentBytes {
		return false
	}
	from, to := binary.BigEndian.Uint32(tx), binary.BigEndian.Uint32(tx[4:])
	if int(from) >= len(a.keys) || int(to) >= len(a.keys) {
		return false
	}
	a.mu.Lock()
	_, known := a.checked[digest]
	a.mu.Unlock()
	if known {
		return true
	}
	if !ed25519.Verify(a.keys[from], tx[:signedBytes], tx[signedBytes:]) {
		return false
	}
	a.mu.Lock()
	a.checked[digest] = struct{}{}
	a.mu.Unlock()
	return true
}

func (a *payApp) forget(digest [32]byte) {
	a.mu.Lock()
	delete(a.checked, digest)
	a.mu.Unlock()
}

func (a *payApp) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	return &abci.ResponseInfo{LastBlockHeight: a.height, LastBlockAppHash: a.hash}, nil
}

func (a *payApp) CheckTx(_ context.Context, r *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	if !a.verify(r.Tx, sha256.Sum256(r.Tx)) {
		return &abci.ResponseCheckTx{Code: codeSignature}, nil
	}
	return &abci.ResponseCheckTx{}, nil
}

func (a *payApp) FinalizeBlock(
	_ context.Context, r *abci.RequestFinalizeBlock,
) (*abci.ResponseFinalizeBlock, error) {
	results := make([]*abci.ExecTxResult, len(r.Txs))
	hash := sha256.New()
	hash.Write(a.hash)
	for i, tx := range r.Txs {
		digest := sha256.Sum256(tx)
		results[i] = &abci.ExecTxResult{}
		if !a.verify(tx, digest) {
			results[i].Code = codeSignature
			continue
		}
		a.forget(digest)
		if !a.transfer(tx) {
			results[i].Code = codeRefused
			continue
		}
		hash.Write(digest[:])
	}
	a.height, a.hash = r.Height, hash.Sum(nil)
	return &abci.ResponseFinalizeBlock{TxResults: results, AppHash: a.hash}, nil
}

func (a *payApp) transfer(tx []byte) bool {
	from, to := binary.BigEndian.Uint32(tx), binary.BigEndian.Uint32(tx[4:])
	amount, number := binary.BigEndian.Uint64(tx[8:]), binary.BigEndian.Uint64(tx[16:])
	payer := &a.accounts[from]
	if payer.balance < amount || !payer.take(number) {
		return false
	}
	payer.balance -= amount
	a.accounts[to].balance += amount
	a.dirty[from], a.dirty[to] = struct{}{}, struct{}{}
	return true
}

func (a *payApp) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	batch := new(leveldb.Batch)
	for number := range a.dirty {
		var key [4]byte
		var value [24]byte
		one := a.accounts[number]
		binary.BigEndian.PutUint32(key[:], number)
		binary.BigEndian.PutUint64(value[:], one.balance)
		binary.BigEndian.PutUint64(value[8:], one.high)
		binary.BigEndian.PutUint64(value[16:], one.used)
		batch.Put(key[:], value[:])
	}
	clear(a.dirty)
	return &abci.ResponseCommit{}, a.db.Write(batch, &opt.WriteOptions{Sync: true})
}
