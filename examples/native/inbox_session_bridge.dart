// For Flutter 3.24 and flutter_inappwebview 6.1, and later. Checked by reading only: parsed, never compiled, never run.
// MIT.
import 'dart:convert';

import 'package:flutter_inappwebview/flutter_inappwebview.dart';

class InboxUser {
  const InboxUser(this.id, {this.tenant});
  final String id;
  final String? tenant;

  bool isSame(Object? other) => other is Map && other['id'] == id && other['tenant'] == tenant;
  Map<String, String> toJson() => {'id': id, if (tenant != null) 'tenant': tenant!};
}

/// [expiresIn]: seconds. [extra]: what JSON can hold.
class InboxToken {
  const InboxToken(this.value, {this.expiresIn, this.extra});
  final String value;
  final num? expiresIn;
  final Map<String, Object?>? extra;
}

/// Thrown by `fetchToken` when the backend says for how long not to ask.
class TryLater implements Exception {
  const TryLater(this.seconds);
  final num seconds;
}

/// Made once, beside the app's login; serves any number of web views.
class InboxHost {
  InboxHost(this._fetchToken);

  /// Asks your backend: null means that nobody is signed in there, whatever it throws that it cannot answer now.
  final Future<InboxToken?> Function(InboxUser user) _fetchToken;
  final _pages = <void Function(String text)>{};
  InboxUser? _current;
  InboxToken? _kept;
  double _end = 0;
  bool _corrected = false;

  /// What to answer to a page's message, if anything.
  Future<String?> receive(String text) async {
    final message = _read(text);
    final version = message?['inboxSession'];
    if (message == null || version is! num) return null;
    if (version != 1) {
      if (_corrected) return null;
      _corrected = true;
      return _write('hello', {});
    }
    // A page's "hello" wants no answer: whoever listens is told of new tokens anyway.
    final id = message['id'];
    if (message['type'] != 'ask' || id is! String) return null;
    final user = _current;
    if (user == null || !user.isSame(message['user'])) return _write('denied', {'id': id, 'final': true});
    final reason = message['reason'];
    // Only a page that comes new is served with a token that others have already.
    final known = reason == 'initial' && _end - _now > 60 ? _kept : null;
    if (reason == 'rejected' || reason == 'forced') _kept = null;
    try {
      final token = known ?? await _fetchToken(user);
      if (token == null || !user.isSame(_current?.toJson())) return _write('denied', {'id': id, 'final': true});
      if (known == null) _keep(token);
      return _hand(token, user, id);
    } catch (error) {
      return _write('denied', {'id': id, 'retryAfter': error is TryLater ? error.seconds : null});
    }
  }

  /// After the app's own login. Who was signed in before is signed out in all pages.
  void signIn(InboxUser user) {
    if (user.isSame(_current?.toJson())) return;
    signOut();
    _current = user;
  }

  void signOut() {
    final user = _current;
    _current = _kept = null;
    if (user != null) _tell(_write('signed-out', {'user': user}));
  }

  /// Hands all pages a token they did not ask for: one that came with a push notification, say.
  void push(InboxToken token) {
    final user = _current;
    if (user == null) return;
    _keep(token);
    _tell(_hand(token, user));
  }

  /// [send] gets what is told to all pages. Returns what ends it.
  void Function() connect(void Function(String text) send) {
    _pages.add(send);
    return () => _pages.remove(send);
  }

  double get _now => DateTime.now().millisecondsSinceEpoch / 1000;

  // What states no end is not kept: nobody would know when to throw it away.
  void _keep(InboxToken token) {
    _kept = token.expiresIn == null ? null : token;
    _end = _now + (token.expiresIn ?? 0);
  }

  void _tell(String text) => _pages.toList().forEach((send) => send(text));

  String _hand(InboxToken token, InboxUser user, [String? id]) => _write('token', {
        'id': id,
        'user': user,
        'token': token.value,
        'expiresIn': identical(token, _kept) ? _end - _now : token.expiresIn,
        'sentAt': _now,
        'extra': token.extra,
      });

  String _write(String type, Map<String, Object?> fields) =>
      jsonEncode({'inboxSession': 1, 'type': type, ...fields}..removeWhere((_, value) => value == null));

  Map<String, Object?>? _read(String text) {
    try {
      final message = text.length > 131072 ? null : jsonDecode(text);
      return message is Map<String, Object?> ? message : null;
    } on FormatException {
      return null; // It would quote the text.
    }
  }
}

/// One web view. [origin]: of the inbox page, 'https://inbox.example'; no other page is served.
class InboxSessionBridge {
  /// To be made in `onWebViewCreated`, before the page loads.
  InboxSessionBridge(this._controller, {required this.origin, required InboxHost host, this.channel = 'inboxSession'}) {
    _controller.addJavaScriptHandler(
      handlerName: channel,
      callback: (List<dynamic> arguments) async {
        final text = arguments.firstOrNull;
        // 6.1 does not say which frame asks: answers go to the main frame only.
        // From 6.2 on javaScriptHandlersForMainFrameOnly in the settings shuts the others out.
        if (text is! String || !await _isOurs) return;
        final answer = await host.receive(text);
        // Not returned: the plugin would evaluate it in whatever page is there by then.
        if (answer != null) await _send(answer);
      },
    );
    _disconnect = host.connect(_send);
  }

  final InAppWebViewController _controller;
  final String origin;
  final String channel;
  late final void Function() _disconnect;

  Future<bool> get _isOurs async => '${await _controller.getUrl()}'.startsWith('$origin/');

  Future<void> _send(String text) async {
    if (!await _isOurs) return;
    // The page that is there when the script runs is asked who it is, too.
    // Encoded once more, a text is what a script can hold whatever is in it.
    final event = "new MessageEvent('message', { data: ${jsonEncode(text)} })";
    await _controller.evaluateJavascript(
      source: 'if (location.origin === ${jsonEncode(origin)}) window.dispatchEvent($event)',
    );
  }

  void dispose() {
    _disconnect();
    _controller.removeJavaScriptHandler(handlerName: channel);
  }
}
