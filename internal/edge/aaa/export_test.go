package aaa

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// Handle is what a worker does with a packet that is its gateway's.
func (s *Server) Handle(ctx context.Context, r *radius.Request) *radius.Packet {
	return s.handle(ctx, PortAuth, r)
}

// HandleTogether is what a worker does with packets that have come together.
func (s *Server) HandleTogether(ctx context.Context, requests []*radius.Request) []*radius.Packet {
	return s.admitTogether(ctx, requests)
}

// Start starts what requests are handed to, without a socket; it ends with ctx.
func (s *Server) Start(ctx context.Context) {
	s.gateways.load(ctx)
	go s.access.run(ctx)
	go s.accounts.run(ctx)
	go s.records.run(ctx)
	context.AfterFunc(ctx, func() { s.access.close(); s.accounts.close(); s.records.close() })
}
