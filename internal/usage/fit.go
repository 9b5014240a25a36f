package usage

import "time"

// sameStart is how far apart two Starts of one session may seem to be.
const sameStart = time.Minute

// GoesOn reports whether a report without an IMSI is about this session, the
// newest under its key, whoever has its number by now. Most gateways repeat the
// number; some name the session alone in what follows its Start.
func (s *Session) GoesOn(r *Report) bool { return r.IMSI == "" && s.fits(r) }

// Fit is how well a report fits a session.
type Fit uint8

// The fits, from the worst. The numbers are not stored.
const (
	FitsNot     Fit = iota // it is of another session
	FitsSetBack            // it can only be of this one if the gateway's clock was set back
	FitsMaybe              // it may be
	FitsWhile              // it has the session's key, and was written while that went on
	FitsSurely             // it has the session's key with the Charging-Id, which is not used again
)

// Fits tells how well a report of the same gateway and Acct-Session-Id fits this
// session. Some gateways use ids again; and some leave the Charging-Id out of what
// follows a Start, or know it only after that, so one of the two may have none.
func (s *Session) Fits(r *Report) Fit {
	sameKey := s.Key == r.Key
	switch {
	case sameKey && r.At.Before(s.StartedAt) && s.outgrown(r):
		return FitsSetBack
	case r.At.Before(s.StartedAt):
		return FitsNot
	case sameKey && r.Key.Charging != 0:
		return FitsSurely
	case sameKey && !r.At.After(s.LastAt):
		return FitsWhile
	case sameKey && !s.over(r), s.Alike(r):
		return FitsMaybe
	}
	return FitsNot
}

// over reports whether the session had ended a while before that of a report began:
// its id is used again, and the Start was lost or is on its way. Of what comes once
// more, and of gateways that do not say how long sessions last, nobody can tell.
func (s *Session) over(r *Report) bool {
	again := r.Seconds == s.Seconds && r.In == s.In && r.Out == s.Out
	return s.Ended() && r.Step != Start && r.Seconds > 0 && !again && r.began().Sub(s.LastAt) > sameStart
}

// outgrown reports whether a report says more than the newest of the session.
func (s *Session) outgrown(r *Report) bool {
	return r.Step != Start && r.Seconds > s.Seconds && r.In >= s.In && r.Out >= s.Out
}

// Alike reports whether a report may be of this session though only one of them has
// a Charging-Id.
func (s *Session) Alike(r *Report) bool {
	return (s.Key.Charging == 0) != (r.Key.Charging == 0) && (r.IMSI == "" || s.Last.IMSI == "" || r.IMSI == s.Last.IMSI) &&
		(r.Seconds == 0 || s.beganWith(r)) && s.fits(r)
}

// Follows reports whether a report that was written before this session began is of
// another, by when that began. Of gateways that do not say how long sessions last,
// nobody can tell.
func (s *Session) Follows(r *Report) bool {
	return r.Step != Start && r.Seconds > 0 && s.StartedAt.Sub(r.began()) > sameStart
}

// fits reports whether a report may be of this session by its time and counters.
func (s *Session) fits(r *Report) bool {
	switch {
	case !r.At.After(s.LastAt):
		return true
	case r.Step == Start:
		return false
	case s.Ended():
		return s.beganWith(r)
	}
	return s.beganWith(r) || r.In >= s.In && r.Out >= s.Out && r.Seconds >= s.Seconds
}

// beganWith reports whether the session of a report began when this one did, as far
// as it tells.
func (s *Session) beganWith(r *Report) bool {
	return r.began().Sub(s.StartedAt).Abs() < sameStart
}
