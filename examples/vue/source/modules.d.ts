/// <reference types="vite/client" />

// For plain tsc alone: vue-tsc reads the components themselves.
declare module '*.vue' {
  import type { Component } from 'vue'
  const component: Component
  export default component
}
