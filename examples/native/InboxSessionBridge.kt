// For Android 7, androidx.webkit 1.8, kotlinx-coroutines 1.7, and later. Compiled against the signatures it uses, its
// InboxHost tried on a JVM without Android; never run on a device. MIT.
package com.example.inbox

import android.webkit.JavascriptInterface
import android.webkit.WebView
import androidx.webkit.JavaScriptReplyProxy
import androidx.webkit.WebMessageCompat
import androidx.webkit.WebViewCompat
import androidx.webkit.WebViewFeature
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import org.json.JSONException
import org.json.JSONObject

data class InboxUser(val id: String, val tenant: String? = null)

/** `expiresIn`: seconds. Not a data class: those show what is in them wherever they are printed. */
class InboxToken(val value: String, val expiresIn: Double? = null, val extra: JSONObject? = null)

/** Thrown by `fetchToken` when the backend says for how long not to ask. */
class TryLater(val seconds: Double) : Exception()

/**
 * Made once, beside the app's login; serves any number of web views. All of it belongs on the main thread.
 * `fetchToken` asks your backend: null means that nobody is signed in there, whatever it throws that it cannot answer
 * now.
 */
class InboxHost(private val fetchToken: suspend (InboxUser) -> InboxToken?) {
    private val pages = mutableSetOf<(String) -> Unit>()
    private var current: InboxUser? = null
    private var kept: InboxToken? = null
    private var end = 0.0
    private var corrected = false

    /** What to answer to a page's message, if anything. */
    suspend fun receive(text: String): String? {
        if (text.length > 131_072) return null
        val message = try { JSONObject(text) } catch (_: JSONException) { return null }
        val version = message.opt("inboxSession") as? Number ?: return null
        if (version.toDouble() != 1.0) {
            return if (corrected) null else write("hello").also { corrected = true }
        }
        // A page's "hello" wants no answer: whoever listens is told of new tokens anyway.
        val id = message.opt("id") as? String
        if (message.opt("type") != "ask" || id == null) return null
        val asked = message.optJSONObject("user")
        val user = current
        if (user == null || asked?.opt("id") != user.id || asked.opt("tenant") as? String != user.tenant)
            return deny(id, final = true)
        val reason = message.opt("reason")
        // Only a page that comes new is served with a token that others have already.
        val known = kept.takeIf { reason == "initial" && end - now() > 60 }
        if (reason == "rejected" || reason == "forced") kept = null
        return try {
            val token = known ?: keep(fetchToken(user), user)
            if (token == null || user != current) deny(id, final = true) else hand(token, user, id)
        } catch (error: Exception) {
            // A timeout of your own is a CancellationException as well; only the end of this work goes on.
            currentCoroutineContext().ensureActive()
            deny(id, retryAfter = (error as? TryLater)?.seconds)
        }
    }

    /** After the app's own login. Who was signed in before is signed out in all pages. */
    fun signIn(user: InboxUser) {
        if (user == current) return
        signOut()
        current = user
    }

    fun signOut() {
        val user = current ?: return
        current = null
        kept = null
        tell(write("signed-out", "user" to write(user)))
    }

    /** Hands all pages a token they did not ask for: one that came with a push notification, say. */
    fun push(token: InboxToken) {
        val user = current ?: return
        keep(token, user)
        tell(hand(token, user))
    }

    /** `send` gets what is told to all pages. Returns what ends it. */
    fun connect(send: (String) -> Unit): () -> Unit {
        pages.add(send)
        return { pages.remove(send) }
    }

    private fun now() = System.currentTimeMillis() / 1_000.0

    private fun tell(text: String) = pages.toList().forEach { it(text) }

    // What states no end is not kept: nobody would know when to throw it away.
    private fun keep(token: InboxToken?, user: InboxUser) = token?.also {
        if (user != current) return@also
        kept = it.takeIf { it.expiresIn != null }
        end = now() + (it.expiresIn ?: 0.0)
    }

    private fun hand(token: InboxToken, user: InboxUser, id: String? = null) = write(
        "token", "id" to id, "user" to write(user), "token" to token.value, "extra" to token.extra,
        "expiresIn" to if (token === kept) end - now() else token.expiresIn, "sentAt" to now(),
    )

    private fun deny(id: String, final: Boolean? = null, retryAfter: Double? = null) =
        write("denied", "id" to id, "final" to final, "retryAfter" to retryAfter)

    private fun write(user: InboxUser) = JSONObject().put("id", user.id).put("tenant", user.tenant)

    // JSONObject leaves out what is null.
    private fun write(type: String, vararg fields: Pair<String, Any?>) =
        fields.fold(JSONObject().put("inboxSession", 1).put("type", type)) { message, (name, value) ->
            message.put(name, value)
        }.toString()
}

/**
 * One web view. `origin`: of the inbox page, "https://inbox.example"; no other page is served.
 * `scope`: of the main thread.
 */
class InboxSessionBridge(
    private val webView: WebView,
    private val origin: String,
    private val host: InboxHost,
    private val scope: CoroutineScope,
    private val channel: String = "inboxSession",
) {
    private var page: JavaScriptReplyProxy? = null

    /** Before the first `loadUrl`: a page that is there already does not get the object. Returns what ends it. */
    fun start(): () -> Unit {
        val listens = WebViewFeature.isFeatureSupported(WebViewFeature.WEB_MESSAGE_LISTENER)
        if (listens) {
            WebViewCompat.addWebMessageListener(webView, channel, setOf(origin)) { _, message, _, isMainFrame, proxy ->
                // A proxy belongs to one page: after a navigation it reaches nobody.
                if (isMainFrame && message.type == WebMessageCompat.TYPE_STRING) {
                    page = proxy
                    answer(message.data.orEmpty()) { proxy.postMessage(it) }
                }
            }
        } else {
            webView.addJavascriptInterface(Interface(), channel)
        }
        val disconnect = host.connect { if (listens) page?.postMessage(it) else evaluate(it) }
        return {
            disconnect()
            if (listens) WebViewCompat.removeWebMessageListener(webView, channel)
            else webView.removeJavascriptInterface(channel)
        }
    }

    private fun answer(text: String, send: (String) -> Unit) {
        scope.launch { host.receive(text)?.let(send) }
    }

    /** For old web views. Every frame sees it and none says who it is: answers go to the main frame only. */
    private inner class Interface {
        // Called on a thread of the web view's own.
        @JavascriptInterface
        fun postMessage(text: String) {
            webView.post { if (webView.url.orEmpty().startsWith("$origin/")) answer(text, ::evaluate) }
        }
    }

    private fun evaluate(text: String) {
        // The page that is there when the script runs is asked who it is.
        // Encoded once more, a text is what a script can hold whatever is in it.
        val event = "new MessageEvent('message', { data: ${JSONObject.quote(text)} })"
        val isOurs = "location.origin === ${JSONObject.quote(origin)}"
        webView.evaluateJavascript("if ($isOurs) window.dispatchEvent($event)", null)
    }
}
