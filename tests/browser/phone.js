// A phone in a page: registers over a WebSocket, calls, hangs up after `talk_ms`, and tells each step to the
// server that it came from. What it is to do stands in the page's fragment, as JSON.
import * as JsSIP from 'jssip';

const { socket, user, password, domain, number, talk_ms } = JSON.parse(
  decodeURIComponent(location.hash.slice(1)),
);

// One after the other, so that the server hears steps in their order.
let told = Promise.resolve();
function tell(step, about = '') {
  told = told.then(() => fetch('/told', { method: 'POST', body: JSON.stringify([step, String(about)]) }));
}

// Until the switch speaks DTLS-SRTP, media is left out of it: plain RTP is offered, and the browser is shown
// the answer that its own half needs.
const PLAIN = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n' +
  'm=audio 40000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n';
function shown(offer) {
  const mid = /a=mid:(\S+)/.exec(offer)[1];
  return 'v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE ' + mid + '\r\na=ice-lite\r\n' +
    'm=audio 9 UDP/TLS/RTP/SAVPF 8\r\nc=IN IP4 127.0.0.1\r\na=mid:' + mid + '\r\na=rtcp-mux\r\n' +
    'a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:passive\r\n' +
    'a=fingerprint:sha-256 ' + Array(32).fill('AB').join(':') + '\r\na=rtpmap:8 PCMA/8000\r\n';
}

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
phone.once('registered', () => {
  tell('registered');
  let offered = '';
  const session = phone.call(`sip:${number}@${domain}`, {
    mediaConstraints: { audio: true, video: false },
    eventHandlers: {
      sdp(event) {
        if (event.originator === 'local') {
          offered = event.sdp;
          event.sdp = PLAIN;
        } else {
          tell('answer', event.sdp);
          event.sdp = shown(offered);
        }
      },
      progress: ({ response }) => tell('progress', response?.status_code),
      confirmed({ originator }) {
        if (originator !== 'local') return;
        tell('confirmed');
        setTimeout(() => session.terminate(), talk_ms);
      },
      failed({ cause }) {
        tell('failed', cause);
      },
      ended({ cause, originator }) {
        tell('ended', `${originator} ${cause}`);
        phone.stop();
      },
    },
  });
});
phone.start();
