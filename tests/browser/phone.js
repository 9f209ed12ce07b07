// A phone in a page: registers over a WebSocket, calls a number or waits until it is called, takes the steps
// of its orders, hangs up, and tells each step to the server that it came from. Its orders stand in the page's
// fragment, as JSON: {socket, user, password, domain, number?, steps, spoil?}.
import * as JsSIP from 'jssip';

const { socket, user, password, domain, number, steps, spoil } = JSON.parse(
  decodeURIComponent(location.hash.slice(1)),
);

// One after the other, so that the server hears steps in their order.
let told = Promise.resolve();
function tell(step, about = '') {
  told = told.then(() => fetch('/told', { method: 'POST', body: JSON.stringify([step, String(about)]) }));
}
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// The microphone as it is: what the browser would make nicer, a test could not measure.
const media = {
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  video: false,
};

// === What is heard ===

const audio = new AudioContext();
let analyser;
function listen(connection) {
  connection.addEventListener('track', ({ track }) => {
    const stream = new MediaStream([track]);
    // Chromium plays a stream into an AudioContext only while an element plays it too.
    const element = new Audio();
    element.srcObject = stream;
    element.muted = true;
    element.play();
    analyser = audio.createAnalyser();
    analyser.fftSize = 4096;
    audio.createMediaStreamSource(stream).connect(analyser);
  });
}

// The loudest frequency in Hz and its level in dB of full scale.
function pitch() {
  if (!analyser) return { hz: 0, db: -1000 };
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const at = levels.indexOf(Math.max(...levels));
  return { hz: Math.round((at * audio.sampleRate) / analyser.fftSize), db: Math.round(levels[at]) };
}

// What the browser itself counted (W3C webrtc-stats).
async function counted(connection) {
  const stats = [...(await connection.getStats()).values()];
  const of = (type) => stats.find((stat) => stat.type === type && (stat.kind ?? 'audio') === 'audio') ?? {};
  const { dtlsState, dtlsRole, srtpCipher, iceState } = of('transport');
  const into = of('inbound-rtp');
  return {
    sent: of('outbound-rtp').packetsSent ?? 0,
    received: into.packetsReceived ?? 0,
    lost: into.packetsLost ?? 0,
    dtls: dtlsState, role: dtlsRole, cipher: srtpCipher, ice: iceState,
    ...pitch(),
  };
}

// === Its steps ===

const renegotiated = (session, options) =>
  new Promise((done, failed) => {
    if (!session.renegotiate(options, done)) failed(new Error('cannot renegotiate'));
  });
const switched = (session, verb) =>
  new Promise((done, failed) => {
    if (!session[verb]({}, done)) failed(new Error(`cannot ${verb}`));
  });
const verbs = {
  talk: (_, ms) => pause(ms),
  hold: (session) => switched(session, 'hold'),
  unhold: (session) => switched(session, 'unhold'),
  restart: (session) => renegotiated(session, { rtcOfferConstraints: { iceRestart: true } }),
};

async function talk(session) {
  tell('confirmed');
  try {
    for (const [verb, ms] of steps) {
      await verbs[verb](session, ms);
      tell(verb, JSON.stringify(await counted(session.connection)));
    }
    session.terminate();
  } catch (error) {
    tell('stopped', error);
  }
}

// Another certificate than the one that will be shown.
const spoiled = (sdp) => sdp.replace(/(a=fingerprint:sha-256 )(..)/, (_, name, octet) =>
  name + (octet === '00' ? '01' : '00'));

const phone = new JsSIP.UA({
  sockets: [new JsSIP.WebSocketInterface(socket)],
  uri: `sip:${user}@${domain}`,
  authorization_user: user,
  password,
  register_expires: 120,
});
phone.on('connected', () => tell('connected'));
phone.on('disconnected', ({ code, reason }) => tell('disconnected', `${code} ${reason}`));
phone.on('registrationFailed', ({ cause }) => tell('registration failed', cause));
phone.on('unregistered', () => tell('unregistered'));
phone.on('newRTCSession', ({ session, originator }) => {
  if (session.connection) listen(session.connection);
  session.on('peerconnection', ({ peerconnection }) => listen(peerconnection));
  session.on('sdp', (event) => {
    tell(event.originator === 'local' ? `our ${event.type}` : `its ${event.type}`, event.sdp);
    if (spoil && event.originator === 'local') event.sdp = spoiled(event.sdp);
  });
  session.on('progress', ({ response }) => tell('progress', response?.status_code));
  session.on('confirmed', () => talk(session));
  session.on('failed', ({ cause, message }) => tell('failed', `${cause} ${message?.status_code ?? ''}`));
  session.on('ended', ({ cause, originator }) => {
    tell('ended', `${originator} ${cause}`);
    phone.stop();
  });
  if (originator === 'remote') {
    tell('called', session.remote_identity.uri.user);
    session.answer({ mediaConstraints: media });
  }
});
phone.once('registered', () => {
  tell('registered');
  if (number) phone.call(`sip:${number}@${domain}`, { mediaConstraints: media });
});
phone.start();
