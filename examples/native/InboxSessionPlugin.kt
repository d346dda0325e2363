// For Capacitor 8 on Android, beside InboxSessionBridge.kt (its InboxHost). Checked by reading only: compiled against
// the signatures it uses, never run on a device. MIT.
// In debug builds Capacitor writes every call and answer to the log, tokens included: set loggingBehavior to 'none'.
package com.example.inbox

import com.getcapacitor.JSObject
import com.getcapacitor.Plugin
import com.getcapacitor.PluginCall
import com.getcapacitor.PluginMethod
import com.getcapacitor.annotation.CapacitorPlugin
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/** In the activity's `onCreate`, before `super`: set `host`, then `registerPlugin(InboxSessionPlugin::class.java)`. */
@CapacitorPlugin(name = "inboxSession")
class InboxSessionPlugin : Plugin() {
    private val scope = MainScope()
    private var disconnect = {}

    override fun load() {
        disconnect = host.connect { text -> scope.launch { if (isOurs()) notifyListeners("message", parse(text)) } }
    }

    @PluginMethod
    fun post(call: PluginCall) {
        scope.launch {
            val answer = if (isOurs()) host.receive(call.getString("message").orEmpty()) else null
            // Capacitor hands the answer to the page that is there by then: looked at once more.
            if (answer != null && isOurs()) call.resolve(parse(answer)) else call.resolve()
        }
    }

    override fun handleOnDestroy() {
        disconnect()
        scope.cancel()
    }

    // Pages that `allowNavigation` lets in can call plugins, too.
    private fun isOurs(): Boolean {
        val origin = (bridge.serverUrl ?: bridge.localUrl).trimEnd('/')
        return bridge.webView.url.orEmpty().startsWith("$origin/")
    }

    // An answer is the message itself, as Capacitor's own kind of object.
    private fun parse(text: String) = JSObject(text)

    companion object {
        lateinit var host: InboxHost
    }
}
